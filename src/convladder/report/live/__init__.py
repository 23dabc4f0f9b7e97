"""A page that shows what trains: a file that a browser reads again and again, without a server."""
