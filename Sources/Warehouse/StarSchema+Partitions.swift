extension StarSchema {
    /// The table of a fact's rows of one day, inside of its month's.
    static func leaf(_ fact: String, _ day: String) -> String {
        let parts = day.split(separator: "-")
        return "\(fact)_y\(parts[0])m\(parts[1])d\(parts[2])"
    }

    /// The table of a fact's rows of the month that a day is in, once its days were joined.
    static func whole(_ fact: String, _ day: String) -> String {
        let parts = day.split(separator: "-")
        return "\(fact)_y\(parts[0])m\(parts[1])_days"
    }

    /// A day is filled beside the fact and then attached: its indexes and foreign keys are made and checked for all rows
    /// at once, which is ten times as fast as row by row, and no reader waits for it. The days of a month that is over are
    /// joined to one table, so that years are hundreds of tables and not thousands, each of which a query must lock.
    ///
    /// The functions are the owner's, so that who loads may add days and needs no right to change or drop tables.
    var partitionFunctions: [String] { [makeLeaf, attachLeaf, joinMonth] }

    private var head: String {
        let names = facts.map { "'\($0.name)'" }.joined(separator: ", ")
        return """
            BEGIN
                IF fact NOT IN (\(names)) THEN
                    RAISE EXCEPTION '% is no fact', fact;
                END IF;
            """
    }

    private static let language = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$"
    private static let leafName = "leaf text := fact || to_char(day, '\"_y\"YYYY\"m\"MM\"d\"DD');"
    private static let monthName = """
            month_start date := date_trunc('month', day::timestamp)::date;
            month_end date := (date_trunc('month', day::timestamp) + interval '1 month')::date;
            month text := fact || to_char(day, '"_y"YYYY"m"MM');
        """

    private var makeLeaf: String {
        """
        CREATE FUNCTION \(Self.qualified("make_leaf"))(fact text, day date) RETURNS void
        \(Self.language)
        DECLARE
            \(Self.leafName)
        \(head)
            EXECUTE format('CREATE TABLE \(Self.name).%I (LIKE \(Self.name).%I INCLUDING DEFAULTS)', leaf, fact);
            EXECUTE format('GRANT SELECT, INSERT ON \(Self.name).%I TO \(Role.loader)', leaf);
        END
        $$
        """
    }

    private var attachLeaf: String {
        """
        CREATE FUNCTION \(Self.qualified("attach_leaf"))(fact text, day date) RETURNS void
        \(Self.language)
        DECLARE
            \(Self.leafName)
        \(Self.monthName)
        \(head)
            PERFORM set_config('maintenance_work_mem', '128MB', true);
            IF to_regclass(format('\(Self.name).%I', month)) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE \(Self.name).%I (LIKE \(Self.name).%I INCLUDING DEFAULTS) PARTITION BY RANGE (business_day)',
                    month, fact);
                EXECUTE format(
                    'ALTER TABLE \(Self.name).%I ATTACH PARTITION \(Self.name).%I FOR VALUES FROM (%L) TO (%L)',
                    fact, month, month_start, month_end);
            END IF;
            EXECUTE format('REVOKE ALL ON \(Self.name).%I FROM \(Role.loader)', leaf);
            EXECUTE format(
                'ALTER TABLE \(Self.name).%I ATTACH PARTITION \(Self.name).%I FOR VALUES FROM (%L) TO (%L)',
                month, leaf, day, day + 1);
        END
        $$
        """
    }

    /// Everything that takes long is done to the new table before anybody has to wait: readers of this month do while its
    /// days are dropped and the new table is attached, which checks the foreign keys.
    private var joinMonth: String {
        """
        CREATE FUNCTION \(Self.qualified("join_month"))(fact text, day date) RETURNS void
        \(Self.language)
        DECLARE
        \(Self.monthName)
            whole text := month || '_days';
            parts text[];
            part text;
        \(head)
            EXECUTE format('LOCK TABLE \(Self.name).%I IN SHARE ROW EXCLUSIVE MODE', month);
            SELECT array_agg(c.relname::text ORDER BY c.relname) INTO parts
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = to_regclass(format('\(Self.name).%I', month));
            IF parts IS NULL OR whole = ANY (parts) THEN
                RETURN;
            END IF;
            PERFORM set_config('maintenance_work_mem', '128MB', true);
            EXECUTE format('CREATE TABLE \(Self.name).%I (LIKE \(Self.name).%I INCLUDING DEFAULTS)', whole, fact);
            FOREACH part IN ARRAY parts LOOP
                EXECUTE format('INSERT INTO \(Self.name).%I SELECT * FROM \(Self.name).%I', whole, part);
            END LOOP;
            FOR part IN
                SELECT pg_get_constraintdef(oid) FROM pg_constraint
                WHERE conrelid = to_regclass(format('\(Self.name).%I', fact)) AND contype = 'p'
            LOOP
                EXECUTE format('ALTER TABLE \(Self.name).%I ADD %s', whole, part);
            END LOOP;
            FOR part IN
                SELECT a.attname FROM pg_index i
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = to_regclass(format('\(Self.name).%I', fact)) AND NOT i.indisprimary
            LOOP
                EXECUTE format('CREATE INDEX ON \(Self.name).%I (%I)', whole, part);
            END LOOP;
            -- Rows are in the order of their days: a day is found without an index of every row.
            EXECUTE format('CREATE INDEX ON \(Self.name).%I USING brin (business_day)', whole);
            -- What the attachment would otherwise read every row for.
            EXECUTE format(
                'ALTER TABLE \(Self.name).%I ADD CONSTRAINT in_month CHECK (business_day >= %L AND business_day < %L)',
                whole, month_start, month_end);
            EXECUTE format('ANALYZE \(Self.name).%I', whole);
            -- Who waits for a reader makes the next readers wait.
            PERFORM set_config('lock_timeout', '\(Self.joinLockTimeout)', true);
            EXECUTE format('LOCK TABLE \(Self.name).%I IN ACCESS EXCLUSIVE MODE', month);
            FOREACH part IN ARRAY parts LOOP
                EXECUTE format('DROP TABLE \(Self.name).%I', part);
            END LOOP;
            EXECUTE format(
                'ALTER TABLE \(Self.name).%I ATTACH PARTITION \(Self.name).%I FOR VALUES FROM (%L) TO (%L)',
                month, whole, month_start, month_end);
            EXECUTE format('ALTER TABLE \(Self.name).%I DROP CONSTRAINT in_month', whole);
        END
        $$
        """
    }

    /// The longest that the joining of a month waits for who reads it.
    static let joinLockTimeout = "2s"
}
