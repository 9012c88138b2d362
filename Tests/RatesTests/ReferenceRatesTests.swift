import Rates
import Testing

@Suite struct ReferenceRatesTests {
}
