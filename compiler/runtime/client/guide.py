"""`mooring --help`: all that somebody needs to work with the command who has read nothing else."""

DESCRIPTION = """\
You improve an agent: the program in the git repository /work/agent. You edit and commit; this
command has a commit evaluated on the samples of a split, in another container, and shows its score.

the loop:
  mooring status                       the splits, what they show, what is left of the budgets
  git commit -am "What I try"          only commits are evaluated
  mooring eval --split SPLIT           waits, and prints the score
  mooring results                      the scores so far
"""

EPILOG = """\
splits and what they show (`mooring status` lists yours):
  viewable      score, counts, and of each sample its score, the agent's output and the error.
                You may choose samples: --samples s1,s2 (ids are in the results), --num-samples N.
  non_viewable  one rounded score of the whole split; nothing of single samples, none to choose.
  No other split can be evaluated. The session's result is scored at the end on samples that you
  have not seen.

budgets:
  A split may have a limit of runs (evaluations) and of samples. An evaluation is charged before it
  runs: 1 run, and 1 sample for each that it takes. What is spent does not come back, whatever the
  score; only what the machinery failed is given back, a few times. `status`, `results` and `wait`
  cost nothing. In deterministic tasks, the same files on the same samples give the recorded result
  and cost nothing. The error `budget_spent` is final for what you asked; something smaller may fit.

long evaluations:
  mooring eval --split SPLIT --detach  prints the job and returns; several may wait in the queue
  mooring wait JOB                     its result; may be interrupted and repeated
  timeout 60 mooring wait JOB          the same, for at most 60 seconds
  mooring cancel JOB                   ends it; only one that has not begun is given back
  Interrupting `eval` or `wait` ends the waiting, not the evaluation.

results as files (read-only; a folder is complete as soon as it is there):
  /work/results/JOB/result.json        the aggregate
  /work/results/JOB/samples.jsonl      viewable splits: one object a sample, in the split's order

exit codes, of every command:
  0  done
  2  the command line or the request is wrong: no such split, sample or commit, too few or too many
     samples. Nothing was charged; mend it
  3  no score, and not the commit's fault: the machinery failed, or the evaluation is invalid or was
     cancelled. Try again later
  4  refused: budget spent, no access, session over, no such job, or a commit that cannot be used.
     Repeating it does not help
  128+N  ended by signal N (Ctrl-C: 130); what runs in the evaluator goes on

output:
  Results go to standard output; progress, warnings and complaints to standard error. With --json,
  standard output is exactly one JSON object: what was asked for, a job without a score, or
  {"error": {"code", "message", "hint"}}. Exit codes are the same. Only a command line that cannot
  be parsed prints no JSON.

`mooring COMMAND --help` explains a command, with examples.
"""
