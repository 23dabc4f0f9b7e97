"""From predictions to figures, and from figures to claims."""
