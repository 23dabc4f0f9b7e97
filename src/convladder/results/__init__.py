"""What lies on disk when training is done, read without any deep-learning framework: runs, climbs,
bundles.
"""
