/// What the seed is spent on: each has chances of its own, so that a change to one does not touch the others.
enum RandomStream: UInt64 {
    case customers = 1, catalogue, traffic, dirt, identity, buyers, fraud, names
}
