"""Speed against other programs, each ratio measured in one run: `make bench`, or `python -m bench
--run RUN` on a run that is there.
"""

import argparse
import re

from bench import drawing, overlap, pipeline, training

parser = argparse.ArgumentParser(description=__doc__)
pipeline.add_arguments(parser)
given = vars(parser.parse_args())
drawn = drawing.main()
batch = drawing.find_best_batch(
    {
        int(found[1]): speed
        for name, speed in drawn.items()
        if (found := re.fullmatch(r"generate, batch (\d+)", name))
    }
)
trained = training.main([])
pipeline.main(
    **given, batch=batch, autocast=trained["dpo"]["trl_autocast"] > trained["dpo"]["trl_bf16"]
)
overlap.main()
