"""Media servers: programs that show the shelf to people, told of what came there."""
