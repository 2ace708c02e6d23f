"""A whole run, put together of the other rooms: led, followed, guarded, rehearsed, and turned into a model."""
