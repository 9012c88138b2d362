/// What a purchase says of whoever makes it: the machine, the card, where it is sent and where it comes from, each as
/// a token that means nothing by itself; 0 where the purchase says nothing.
struct Buyer: Sendable {
    var device: UInt64 = 0
    var card: UInt64 = 0
    var address: UInt64 = 0
    /// The lower three bytes of an address in 10.0.0.0/8, so that no real one is named.
    var ip: UInt32 = 0
}

/// The buyers of a shop, as far as they are honest: people who move, travel, buy telephones, live and work together,
/// and pay with each other's cards.
///
/// Nothing is stored: the seed, the customer's number, the day and the order's number decide. So the tokens take
/// nothing from the chance that moves the customers through the shop.
struct Buyers: Sendable {
    let seed: UInt64
    let run: UInt32
    let customers: UInt64

    private enum Trait: UInt64 {
        case person = 1, household, address, device, card, home, carrier, office, cafe, hotel, trip, store, once
    }

    private func token(_ trait: Trait, _ a: UInt64, _ b: UInt64 = 0) -> UInt64 {
        // A token is never 0, which stands for none.
        SplitMix64.hash(seed, RandomStream.buyers.rawValue, trait.rawValue, a, b) | 1
    }

    /// How many days the shop had been open at a turn.
    static func day(of turn: UInt64, _ settings: SimulationSettings) -> UInt64 {
        turn &* UInt64(settings.rateSeconds) / (UInt64(settings.rate) * 86_400)
    }

    /// Which period of so many days it is for somebody: periods of two people do not begin together.
    private func period(_ person: UInt64, _ day: UInt64, days: UInt64) -> UInt64 {
        (day + person % days) / days
    }

    /// Whom a customer lives with, as a number: a third of the neighbours by number share a home.
    private func household(_ customer: UInt64) -> UInt64 {
        token(.household, customer / 2) % 100 < 35 ? token(.household, customer / 2, 1) : token(.household, customer, 2)
    }

    /// Where a customer travels in the week of that day: an offset to their country; 0 when at home.
    func trip(_ customer: UInt32, day: UInt64, countries: Int) -> Int {
        let person = token(.person, UInt64(customer))
        let draw = token(.trip, person, period(person, day, days: 7))
        return draw % 1_000 < 25 ? 1 + Int(draw >> 32 % UInt64(countries - 1)) : 0
    }

    /// Whether a customer sends back much of what they buy, honestly.
    func isParticular(_ customer: UInt32) -> Bool { token(.person, UInt64(customer), 1) % 100 < 3 }

    /// A token that nobody else has, the `number`th of a kind of chance.
    func once(_ number: UInt64) -> UInt64 { token(.once, number, UInt64(run)) }

    /// The address in the network that belongs to a token.
    static func network(_ token: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: token >> 20) & 0xff_ffff }

    /// The machine, card and address that a customer has always used.
    func usual(_ customer: UInt32, day: UInt64) -> Buyer {
        let person = token(.person, UInt64(customer))
        let home = household(UInt64(customer))
        return Buyer(
            device: token(.device, person, period(person >> 8, day, days: 400)),
            card: token(.card, person, period(person >> 16, day, days: 700)),
            address: token(.address, home, period(home, day, days: 700)),
            ip: Buyers.network(token(.home, home, period(home >> 8, day, days: 30))))
    }

    /// What the `order`th order of the shop says of an honest customer.
    func buyer(
        _ customer: UInt32, order: UInt64, day: UInt64, country: UInt8, isAway: Bool, paysByToken: Bool
    ) -> Buyer {
        var random = RandomSource(seed: token(.once, order, UInt64(run) &+ 1 << 32))
        let person = token(.person, UInt64(customer))
        var buyer = usual(customer, day: day)
        // A second machine, a partner's, or one in a shop window.
        let machine = random.roll()
        if person >> 24 & 1_023 < 350, machine < 2_500 {
            buyer.device = token(.device, person, 1 << 32)
        } else if machine >= 9_600 {
            buyer.device = machine >= 9_800 ? random.next() | 1 : usual(customer ^ 1, day: day).device
        }
        let purse = random.roll()
        if person >> 34 & 1_023 < 250, purse < 3_000 {
            buyer.card = token(.card, person, 1 << 32)
        } else if purse >= 9_700 {
            buyer.card =
                household(UInt64(customer)) == household(UInt64(customer ^ 1))
                ? usual(customer ^ 1, day: day).card : random.next() | 1
        }
        if !paysByToken { buyer.card = 0 }
        let place = random.roll()
        let office = person >> 44 & 1_023 < 180 ? token(.office, person >> 10 % max(1, customers / 150)) : 0
        if place < 600 { buyer.address = random.next() | 1 }
        if office != 0, place >= 8_500 { buyer.address = office }
        let line = random.roll()
        let land = UInt64(country)
        if isAway {
            buyer.ip = Buyers.network(token(.hotel, land, random.next(below: 100)))
        } else if line < 1_500 {
            buyer.ip = Buyers.network(token(.carrier, land, random.next(below: 24)))
        } else if line < 2_300 {
            buyer.ip = Buyers.network(token(.cafe, land, random.next(below: 200)))
        } else if line < 2_700 {
            buyer.ip = Buyers.network(random.next())
        } else if office != 0, line < 5_200 {
            buyer.ip = Buyers.network(office)
        }
        return buyer
    }

    /// What a purchase at the till of a store says: the till's machine and line, and the customer's card.
    func buyer(atStore store: UInt8, _ customer: UInt32, day: UInt64, paysByToken: Bool) -> Buyer {
        let till = token(.store, UInt64(store))
        return Buyer(
            device: till, card: paysByToken ? usual(customer, day: day).card : 0, address: 0,
            ip: Buyers.network(till))
    }
}
