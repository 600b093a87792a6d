"""Harvests by schedule: any number of workers, on any number of machines, over one queue in the database.

`sdi.schedule` says when each source is due; a worker that finds one due puts a job into the queue (procrastinate, in
the schema `queue`), and whichever worker is free takes it. A job is a process of its own, so that it can be stopped at
any moment; how it ended decides when the source is due again. A job carries the lock of the host that it harvests from:
no two jobs with the same lock run at once.
"""
