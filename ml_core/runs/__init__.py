"""How each job is done: one module per job, of the job's name; wiring only."""
