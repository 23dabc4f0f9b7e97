"""What leaves the lab: a bundle made of a run, images predicted with one, exports, and a server."""
