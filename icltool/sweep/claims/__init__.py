"""What recipes draw: a function a figure, from a sweep's result to named figures (`icltool.sweep.recipe.FIGURES`)."""
