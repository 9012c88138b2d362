extension Duration {
    /// The duration in seconds, to the precision of a double.
    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
