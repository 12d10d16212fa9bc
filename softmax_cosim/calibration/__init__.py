"""``cosim calibrate``: propose the parameters of a configuration from a model's own traces.

Rows are taken evenly from the traces. Half of them choose: one parameter after the other takes the
cheapest value whose error is within :data:`.search.SLACK` of the best, until nothing changes; at
last the narrowest input that still is. Where the configuration clips scores so that probabilities
move, recentring is tried too, and of what is as good as the best comes first what moves the fewest
rows. The other half, unseen, says what the proposal is worth beside the configuration it came from.
Error is the mean L1 of a row against float64 softmax, by the golden model.
"""
