"""Look at the tasks made from a data set: one image under several, and whether they are what they should be."""
