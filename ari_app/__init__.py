"""The shell: follows calls over ARI and does what the machine orders. Tasks, sockets, signals live here."""
