import Engine
import Foundation
import Streaming
import Testing

/// The features once more, by SQL over the same events.
private struct FeatureSQL {
    let connection: Connection

    init(_ facts: FraudFacts) throws {
        connection = try DuckDB(.init(memoryLimitBytes: 1 << 30)).connect()
        let folder = FileManager.default.temporaryDirectory.path + "/fraud-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var purchases = "", statuses = "", products = ""
        for (seq, fact) in facts.facts.enumerated() {
            switch fact {
            case .purchase(let p):
                let members = [p.order, p.user, p.card, p.device, p.address, p.ip, p.country, p.currency]
                purchases += "\(seq),\(p.instant),\(p.amount)," + members.map { $0 ?? "" }.joined(separator: ",") + "\n"
                for product in Set(p.products) { products += "\(seq),\(product)\n" }
            case .status(let order, let word, let instant): statuses += "\(seq),\(order),\(word),\(instant)\n"
            }
        }
        for (name, text) in [("p", purchases), ("s", statuses), ("i", products)] {
            try text.write(toFile: "\(folder)/\(name).csv", atomically: false, encoding: .utf8)
        }
        func read(_ name: String, _ columns: String) -> String {
            "read_csv('\(folder)/\(name).csv', header = false, nullstr = '', columns = {\(columns)})"
        }
        try connection.execute(
            """
            CREATE TABLE p AS SELECT *, ts // 3600000000 AS hour, amount // 100 AS cents FROM \
            \(read("p", "'seq': 'BIGINT', 'ts': 'BIGINT', 'amount': 'BIGINT', 'ord': 'VARCHAR', 'user': 'VARCHAR', 'card': 'VARCHAR', 'device': 'VARCHAR', 'address': 'VARCHAR', 'ip': 'VARCHAR', 'country': 'VARCHAR', 'currency': 'VARCHAR'"));
            UPDATE p SET amount = 0 WHERE currency <> 'USD';
            CREATE TABLE s AS SELECT *, ts // 3600000000 AS hour FROM \
            \(read("s", "'seq': 'BIGINT', 'ord': 'VARCHAR', 'status': 'VARCHAR', 'ts': 'BIGINT'"))
            WHERE status IN ('cancelled', 'returned');
            CREATE TABLE i AS FROM \(read("i", "'seq': 'BIGINT', 'product': 'VARCHAR'"));
            """)
    }

    /// The features of one kind of key; a row for each purchase that has the key, in order.
    func key(_ key: String, _ a: String, _ b: String) throws -> ResultSet {
        try connection.execute(
            """
            CREATE OR REPLACE TABLE touches AS
            SELECT seq, "\(key)" AS k, ts, hour, 1 AS purchases, amount, 0 AS cancelled, 0 AS returned,
                "\(a)" AS a, "\(b)" AS b FROM p WHERE "\(key)" IS NOT NULL
            UNION ALL
            SELECT s.seq, p."\(key)", s.ts, s.hour, 0, 0, (status = 'cancelled')::INT, (status = 'returned')::INT,
                NULL, NULL FROM s JOIN p USING (ord) WHERE p."\(key)" IS NOT NULL;
            CREATE OR REPLACE TABLE clocked AS
            SELECT *, max(hour) OVER (PARTITION BY k ORDER BY seq) AS clock FROM touches;
            CREATE OR REPLACE TABLE spells AS
            SELECT *, sum(broke) OVER (PARTITION BY k ORDER BY seq) AS spell FROM (
                SELECT *, coalesce((clock // 24 > lag(clock) OVER (PARTITION BY k ORDER BY seq) // 24 + 30)::INT, 0)
                    AS broke FROM clocked);
            """)
        let windows = [
            ("1d", "o.hour + 24 > t.clock"), ("7d", "o.hour // 24 + 7 > t.clock // 24"),
            ("30d", "o.hour // 24 + 30 > t.clock // 24"),
        ]
        var columns: [String] = []
        for (name, sum) in [
            ("count", "sum(o.purchases)"), ("amount", "sum(o.amount) / 10000"),
            ("cancelled", "sum(o.cancelled)"), ("returned", "sum(o.returned)"),
        ] {
            // Sums are exact integers before they become floating point.
            for (window, condition) in windows {
                let filtered = sum.replacingOccurrences(of: ")", with: ") FILTER (\(condition))")
                columns.append("coalesce(\(filtered), 0)::DOUBLE AS \"\(key)_\(name)_\(window)\"")
            }
        }
        for (column, name) in [("a", a), ("b", b)] {
            for (window, condition) in windows {
                let word = name == "ip" ? "ips" : name == "address" ? "addresses" : name + "s"
                columns.append(
                    "least(32, count(DISTINCT o.\(column)) FILTER (\(condition)))::DOUBLE AS \"\(key)_\(word)_\(window)\""
                )
            }
        }
        let oldest = key == "user" ? "min(o.hour) FILTER (o.purchases = 1)" : "min(o.hour) FILTER (o.spell = t.spell)"
        return try connection.query(
            """
            SELECT t.seq, \(columns.joined(separator: ", ")),
                (t.clock - \(oldest))::DOUBLE / 24 AS "\(key)_age_days",
                least(2592000, CASE WHEN count(*) FILTER (o.purchases = 1 AND o.seq < t.seq) = 0 THEN 2592000 ELSE
                    greatest(0, t.ts - max(o.ts) FILTER (o.purchases = 1 AND o.seq < t.seq)) / 1e6 END)::DOUBLE
                    AS "\(key)_gap_s"
            FROM spells t JOIN spells o ON o.k = t.k AND o.seq <= t.seq
            WHERE t.purchases = 1 GROUP BY t.seq, t.clock, t.ts, t.spell ORDER BY t.seq
            """)
    }

    /// The features of the purchase, its customer and its products.
    func own() throws -> ResultSet {
        func new(_ column: String) -> String {
            """
            (p.\(column) IS NOT NULL AND count(o.\(column)) > 0
                AND count(*) FILTER (o.\(column) = p.\(column)) = 0)::INT::DOUBLE AS "new_\(column)"
            """
        }
        try connection.execute(
            """
            CREATE OR REPLACE TABLE firsts AS
            SELECT *, (row_number() OVER (PARTITION BY "user" ORDER BY seq) = 1)::INT AS first FROM p;
            CREATE OR REPLACE TABLE bought AS
            SELECT i.product, f.*, f.ts // 60000000 AS minute,
                max(f.ts // 60000000) OVER w AS minutes, max(f.hour) OVER w AS clock
            FROM i JOIN firsts f USING (seq) WINDOW w AS (PARTITION BY i.product ORDER BY seq);
            CREATE OR REPLACE TABLE product AS
            SELECT seq, max(m10) AS product_10min, max(new10) AS product_10min_new, max(d1) AS product_1d,
                max(d7) AS product_7d, max(m10 / (1 + d7 * 10 / 10080)) AS product_surge
            FROM (
                SELECT t.seq, t.product, count(*) FILTER (o.minute + 10 > t.minutes)::DOUBLE AS m10,
                    coalesce(sum(o.first) FILTER (o.minute + 10 > t.minutes), 0)::DOUBLE AS new10,
                    count(*) FILTER (o.hour + 24 > t.clock)::DOUBLE AS d1,
                    count(*) FILTER (o.hour // 24 + 7 > t.clock // 24)::DOUBLE AS d7
                FROM bought t JOIN bought o ON o.product = t.product AND o.seq <= t.seq GROUP BY t.seq, t.product)
            GROUP BY seq;
            CREATE OR REPLACE TABLE ends AS SELECT s.seq, p."user", s.status FROM s JOIN p USING (ord);
            """)
        return try connection.query(
            """
            WITH h AS (
                SELECT p.seq, count(o.seq) AS n, count(o.seq) FILTER (o.currency = 'USD') AS paid,
                    (sum(o.cents) FILTER (o.currency = 'USD'))::DOUBLE AS total,
                    (max(o.cents) FILTER (o.currency = 'USD'))::DOUBLE AS most,
                    (sum(o.cents::HUGEINT * o.cents) FILTER (o.currency = 'USD'))::DOUBLE AS squares,
                    \(new("card")), \(new("device")), \(new("address")), \(new("ip")), \(new("country"))
                FROM p LEFT JOIN p o ON o."user" = p."user" AND o.seq < p.seq
                GROUP BY p.seq, p.card, p.device, p.address, p.ip, p.country),
            e AS (
                SELECT p.seq, count(*) FILTER (ends.status = 'cancelled') AS cancelled,
                    count(*) FILTER (ends.status = 'returned') AS returned
                FROM p LEFT JOIN ends ON ends."user" = p."user" AND ends.seq < p.seq GROUP BY p.seq)
            SELECT p.seq, p.amount::DOUBLE / 10000 AS amount, n::DOUBLE AS user_purchases,
                (n = 0)::INT::DOUBLE AS first_purchase, CASE WHEN n > 0 THEN cancelled::DOUBLE / n ELSE 0 END
                    AS user_cancelled_share,
                CASE WHEN n > 0 THEN returned::DOUBLE / n ELSE 0 END AS user_returned_share,
                CASE WHEN paid > 0 AND p.currency = 'USD' THEN cents / (total / paid) ELSE 1 END AS user_amount_ratio,
                CASE WHEN paid > 0 AND p.currency = 'USD' THEN cents / most ELSE 1 END AS user_amount_over_max,
                CASE WHEN paid > 1 AND p.currency = 'USD' THEN greatest(-50, least(50, (cents - total / paid)
                    / greatest(sqrt(greatest(0, (squares - total * total / paid) / (paid - 1))), total / paid * 0.1)))
                    ELSE 0 END AS user_amount_z,
                new_card, new_device, new_address, new_ip, new_country,
                (new_card + new_device + new_address + new_ip + new_country) AS new_traits,
                (p.card IS NULL)::INT::DOUBLE AS no_card, (p.ip IS NULL)::INT::DOUBLE AS no_ip,
                (p.currency <> 'USD')::INT::DOUBLE AS other_currency, product.* EXCLUDE (seq)
            FROM p JOIN h USING (seq) JOIN e USING (seq) JOIN product USING (seq) ORDER BY p.seq
            """)
    }
}

@Suite("Fraud features")
struct FraudFeatureTests {
    private func compare(_ found: ResultSet, _ features: [Int: [Float]]) throws -> Int {
        var compared = 0
        for row in found.rows {
            let seq = Int(try #require(row[0].integer))
            let mine = try #require(features[seq])
            for (name, value) in zip(found.columns, row).dropFirst() {
                let feature = try #require(FraudFeature(name: name), "\(name)")
                guard case .double(let wanted) = value else {
                    Issue.record("\(name) is \(value)")
                    continue
                }
                let have = mine[feature.index]
                // Both round the same double once; sums of products may differ in their last bit before that.
                let target = Float(wanted)
                let isSame = have == target || abs(have - target) <= 2e-6 * abs(target)
                #expect(isSame, "purchase \(seq): \(name) is \(have), SQL says \(wanted)")
                if !isSame { return compared }
                compared += 1
            }
        }
        return compared
    }

    @Test("equal SQL over the same events: late, ahead of time, silent for a month", arguments: [1, 2, 3] as [UInt64])
    func equalSQL(seed: UInt64) throws {
        let facts = FraudFacts(seed: seed, purchases: 1_500)
        let scorer = FraudScorer(rules: FraudRules(), currency: FraudFacts.dollars)
        let scored = try facts.scored(by: scorer)
        var features: [Int: [Float]] = [:]
        var number = 0
        for (seq, fact) in facts.facts.enumerated() {
            guard case .purchase = fact else { continue }
            features[seq] = scored[number].features
            number += 1
        }
        let sql = try FeatureSQL(facts)
        var compared = 0
        for (key, a, b) in [
            ("user", "device", "card"), ("card", "user", "device"), ("device", "user", "card"),
            ("address", "user", "card"), ("ip", "user", "card"),
        ] {
            compared += try compare(try sql.key(key, a, b), features)
        }
        compared += try compare(try sql.own(), features)
        // 1,500 purchases with 100 features of keys, some absent, and 23 of their own.
        #expect(compared > 150_000)
        #expect(scorer.gauges.evicted == 0)
        // The bound on partners was met, or it was not tried.
        let users = try #require(FraudFeature(name: "ip_users_30d"))
        #expect(features.values.contains { $0[users.index] == 32 })
    }

    @Test("what is not in the event is no feature of it")
    func absentKeys() throws {
        var purchase = FraudFacts(seed: 1, purchases: 1).purchases[0]
        (purchase.card, purchase.device, purchase.address, purchase.ip) = (nil, nil, "", nil)
        let scorer = FraudScorer(rules: FraudRules(), currency: FraudFacts.dollars)
        let features = try FraudFacts([.purchase(purchase)]).scored(by: scorer)[0].features
        let others = Array(features[20..<100])
        #expect(others == [Float](repeating: 0, count: 80))
        for name in ["no_card", "no_device", "no_address", "no_ip"] {
            let feature = try #require(FraudFeature(name: name))
            #expect(features[feature.index] == 1)
        }
        #expect(scorer.gauges.keys == 1 + Set(purchase.products).count)
    }

    @Test("names are unique, and each is found by its own")
    func names() {
        #expect(FraudFeature.names.count == FraudFeature.count)
        for (index, name) in FraudFeature.names.enumerated() { #expect(FraudFeature(name: name)?.index == index) }
    }
}
