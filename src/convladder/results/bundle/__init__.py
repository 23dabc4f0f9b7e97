"""The bundle: one file with all that ships of a run, and how it is read and used.

    manifest.json         the size and the SHA-256 of each other part
    bundle.json           classes, form, temperature, threshold, figures, experiment: `schema`
    card.md               the model card
    weights.safetensors   the weights of the network, to go on from
    model.onnx            pixels of any size in, probabilities out

A zip file with exactly these parts, none compressed, whose sizes are checked before anything is
read. No pickle, no code, no path: a bundle comes from anywhere. Neither Keras nor pandas is
imported to read or to use one.
"""
