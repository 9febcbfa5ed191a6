"""The shell: follows calls over ARI and does what the machine orders. Tasks, sockets and signals live here."""
