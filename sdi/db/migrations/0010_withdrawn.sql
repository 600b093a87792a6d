-- A run that ended what its source had left.
alter table sdi.run drop constraint run_state_check;
alter table sdi.run add check (state in ('running', 'committed', 'unchanged', 'refused', 'failed', 'withdrawn'));
