"""What may be kept: new texts, well-formed requests, clusters, quotas, and the split into train,
dev and test.
"""
