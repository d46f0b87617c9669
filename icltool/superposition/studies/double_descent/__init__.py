"""`icltool double-descent`: the toy ReLU model between memorising samples and representing features."""
