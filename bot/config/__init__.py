"""How a process runs (the environment), and what its cluster is (the configuration file)."""
