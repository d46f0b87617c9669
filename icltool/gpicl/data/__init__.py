"""Image sets, and the tasks that are made from them."""
