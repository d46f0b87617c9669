"""How many of a prompt's pairs a looped model's state must carry from loop to loop."""
