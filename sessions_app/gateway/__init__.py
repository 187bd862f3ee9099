"""The gateway: frames over a WebSocket, the same methods over HTTP. Frames come in here and nowhere else."""
