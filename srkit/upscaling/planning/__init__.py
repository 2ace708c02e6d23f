"""How an item is to be enlarged, decided before anything is computed: aim, factor, region, tiles."""
