"""The door to the cluster: who goes first when a pool shrinks, and how fast a pool grows.

One replica acts, the holder of a Lease; each of its duties is a loop in a thread of its own:

- *protect* keeps the annotations of the pools' pods in line with the ledger. A ReplicaSet that shrinks
  removes pods that do not serve yet first and then those of the lower pod-deletion-cost, so idle workers go
  before busy ones; cluster-autoscaler and Karpenter leave the busy ones on their nodes.
- *ramp* raises a Deployment to what its backlog asks for at once. KEDA starts the first pod; the next ones
  would wait for the autoscaler's period of 15 s. It never lowers: shrinking is the autoscaler's alone.

What remains of the race: a worker that takes a job less than one look before the ReplicaSet chooses may be
the one that goes. It drains: that job ends, nothing is killed.

What it may do, all of it in its own namespace:

    pods                  get, list (metadata only), patch (a policy lets only our three annotations through)
    deployments/scale     get, patch, of its pools' Deployments (a policy lets it only add replicas)
    leases                get, update of its own Lease; create
    scaledobjects         get, of its pools, to respect one that is paused
"""
