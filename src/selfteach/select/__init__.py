"""Selection: new texts, well-formed requests, clusters, quotas, and the split of prompts."""
