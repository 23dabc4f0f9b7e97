"""What leaves the lab: a bundle made of a run, pictures predicted with one, exports, and a server."""
