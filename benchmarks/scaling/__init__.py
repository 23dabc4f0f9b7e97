"""How time and memory grow with images, jobs and machines, and what an accelerator brings."""
