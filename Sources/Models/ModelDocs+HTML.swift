extension ModelDocs {
    /// The documentation as one page that needs nothing else: no network, no script.
    public var html: String {
        var body = ""
        var index = ""
        for section in sections {
            index +=
                "<li class=\"\(section.kind)\"><a href=\"#\(Self.anchor(section.title))\">\(Self.escaped(section.title))</a></li>\n"
            body += Self.html(section)
        }
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>The models of \(Self.escaped(name))</title>
            <style>\(Self.style)</style></head><body>
            <nav><h1>\(Self.escaped(name))</h1><ul>
            \(index)</ul></nav>
            <main><section><h2>Lineage</h2><div class="graph">\(LineageDrawing(lineage).svg)</div></section>
            \(body)</main></body></html>

            """
    }

    private static func html(_ section: Section) -> String {
        var text = "<section id=\"\(anchor(section.title))\"><h2>\(escaped(section.title))</h2>\n"
        text += "<p class=\"place\">\(escaped(section.kind)) · \(escaped(section.place))</p>\n"
        if !section.description.isEmpty { text += "<p>\(escaped(section.description))</p>\n" }
        var facts = section.facts.map { (escaped($0.name), escaped($0.value)) }
        if !section.reads.isEmpty { facts.append(("reads", links(section.reads))) }
        if !section.readBy.isEmpty { facts.append(("read by", links(section.readBy))) }
        if !section.tests.isEmpty { facts.append(("tests", escaped(section.tests.joined(separator: ", ")))) }
        if !facts.isEmpty {
            text += "<dl>" + facts.map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }.joined() + "</dl>\n"
        }
        if !section.columns.isEmpty {
            text += "<table><thead><tr><th>column</th><th>type</th><th></th><th>tests</th></tr></thead><tbody>\n"
            for column in section.columns {
                text += "<tr><td><code>\(escaped(column.name))</code></td><td>\(escaped(column.type))</td>"
                text +=
                    "<td>\(escaped(column.description))</td><td>\(escaped(column.tests.joined(separator: ", ")))</td></tr>\n"
            }
            text += "</tbody></table>\n"
        }
        return text + "</section>\n"
    }

    private static func links(_ tables: [String]) -> String {
        tables.map { "<a href=\"#\(anchor($0))\">\(escaped($0))</a>" }.joined(separator: ", ")
    }

    static func anchor(_ title: String) -> String {
        String(title.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    private static let style = """
        :root{color-scheme:light dark}body{margin:0;display:flex;font:15px/1.5 system-ui,sans-serif}
        nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;min-width:15rem;box-sizing:border-box;border-right:1px solid #8884}
        nav h1{font-size:1.1rem}nav ul{list-style:none;padding:0;margin:0}nav li.source a{opacity:.6}
        nav li.exposure a{font-style:italic}main{padding:1rem 2rem;max-width:70rem;min-width:0}
        section{margin-bottom:2.5rem}.place{opacity:.6;margin:0}a{color:#2563a8}@media(prefers-color-scheme:dark){a{color:#7db4f0}}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{opacity:.6}dd{margin:0}
        table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
        .graph{overflow:auto;max-height:80vh;border:1px solid #8884}svg text{font:12px system-ui,sans-serif;fill:currentColor}
        svg rect{fill:#8882;stroke:#8888}svg path{fill:none;stroke:#8886}
        @media(max-width:50rem){body{display:block}nav{position:static;height:auto}}
        """
}
