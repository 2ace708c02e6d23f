"""How a network is run on this machine: device, precision, layout, backend, tile shape, and why."""
