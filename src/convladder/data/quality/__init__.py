"""What a person should know of the images before they are trained on."""
