"""Measure speed against other programs, each ratio in one process: `make bench`, or `python -m
bench --run RUN` on a finished run.
"""

import argparse

from bench import overlap, pipeline, sampling, training

parser = argparse.ArgumentParser(description=__doc__)
pipeline.add_arguments(parser)
given = vars(parser.parse_args())
sampled, batch = sampling.main()
trained = training.main([])
autocast = trained["dpo"]["trl_autocast"] > trained["dpo"]["trl_bf16"]
full_batch = sampled[f"selfteach, {sampling.FULL_BATCH}"]
pipeline.main(**given, batch=batch, autocast=autocast, full_batch=full_batch)
overlap.main()
