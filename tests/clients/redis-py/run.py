"""redis-py against a cluster: run.py <host> <port>."""

import sys

from redis.cluster import RedisCluster

KEYS = 10_000

host, port = sys.argv[1], int(sys.argv[2])
cluster = RedisCluster(host=host, port=port, decode_responses=True)
nodes = set()
for number in range(KEYS):
    key = f"redis-py:{number}"
    cluster.set(key, f"value-{number}")
    nodes.add(cluster.get_node_from_key(key).name)
for number in range(KEYS):
    value = cluster.get(f"redis-py:{number}")
    assert value == f"value-{number}", f"redis-py:{number} is {value!r}"
assert len(nodes) == len(cluster.get_primaries()), f"only {nodes} were used"
# Pipelines and multi-key commands in one slot take another way through the client.
with cluster.pipeline() as pipeline:
    for number in range(100):
        pipeline.get(f"redis-py:{number}")
    assert pipeline.execute() == [f"value-{number}" for number in range(100)]
cluster.mset({"{redis-py}a": "1", "{redis-py}b": "2"})
assert cluster.mget("{redis-py}a", "{redis-py}b") == ["1", "2"]
print(f"redis-py: {KEYS} keys set and read over {len(nodes)} nodes")
