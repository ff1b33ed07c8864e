"""The daemon's HTTP API, one file a resource. Faces and scripts use nothing else."""
