/// The description of the HTTP interface, OpenAPI 3.1.
enum OpenAPI {
    static func document(version: String) -> String {
        """
        {"openapi":"3.1.0","info":{"title":"Cartograph","version":"\(version)","description":"Events in, numbers out. An error is an object with one text, error."},
        "components":{
        "securitySchemes":{"bearer":{"type":"http","scheme":"bearer","description":"A write key, or the token"},"key":{"type":"apiKey","in":"header","name":"X-Cartograph-Key","description":"A write key"},"queryKey":{"type":"apiKey","in":"query","name":"key","description":"A write key, for beacons"}},
        "schemas":{"CatalogError":{"type":"object","required":["error"],"properties":{"error":{"type":"object","required":["message","type","code"],"properties":{"message":{"type":"string"},"type":{"type":"string"},"code":{"type":"integer"}}}}},"Error":{"type":"object","required":["error"],"properties":{"error":{"type":"string"}}},"Collected":{"type":"object","required":["accepted","rejected","rejected_count","commit"],"properties":{"accepted":{"type":"integer"},"rejected":{"type":"array","maxItems":100,"items":{"type":"object","properties":{"index":{"type":"integer"},"reason":{"type":"string"}}}},"rejected_count":{"type":"integer"},"commit":{"type":"integer"},"repeat":{"type":"boolean"}}}},
        "headers":{"RetryAfter":{"description":"Seconds until it may be tried again","schema":{"type":"integer"}}},
        "responses":{
        "Malformed":{"description":"The body's compression, a stamp or the request itself is malformed","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "Unauthorized":{"description":"A write key or the token is needed, and none, a wrong or a revoked one was shown","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "Forbidden":{"description":"The web page's origin is not among those of the key, or of cors_origins","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "TooSlow":{"description":"The head or the body came too slowly; the connection ends","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "OutOfOrder":{"description":"A numbered batch came before the one that precedes it","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "TooLarge":{"description":"More than 16 MiB (also once decompressed) or more than 100,000 events; nothing was stored","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "Unsupported":{"description":"Content type or encoding not supported","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "TooMany":{"description":"Under pressure, or the key's rate or quota is used up; nothing was stored","headers":{"Retry-After":{"$ref":"#/components/headers/RetryAfter"}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}},
        "CatalogRefusal":{"description":"Why not, as the Iceberg REST specification says it","content":{"application/json":{"schema":{"$ref":"#/components/schemas/CatalogError"}}}},
        "Unavailable":{"description":"The log cannot write, or the server is stopping; nothing was stored","headers":{"Retry-After":{"$ref":"#/components/headers/RetryAfter"}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}}}},
        "paths":{
        "/v1/events":{"post":{"summary":"Send events: a JSON object, an array, or NDJSON; up to 16 MiB; gzip and zstd accepted",
        "security":[{},{"bearer":[]},{"key":[]},{"queryKey":[]}],
        "parameters":[
        {"name":"Cartograph-Producer","in":"header","schema":{"type":"string","maxLength":200},"description":"Names a sender that numbers its batches, so that a batch sent again is stored once"},
        {"name":"Cartograph-Sequence","in":"header","schema":{"type":"integer","minimum":1}},
        {"name":"Content-Encoding","in":"header","schema":{"type":"string","enum":["gzip","deflate","zstd"]}}],
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"oneOf":[{"type":"object"},{"type":"array","items":{"type":"object"}}]}},"application/x-ndjson":{"schema":{"type":"string"}},"text/plain":{"schema":{"type":"string"}}}},
        "responses":{"202":{"description":"Every accepted and every rejected event is durable","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Collected"}}}},
        "400":{"$ref":"#/components/responses/Malformed"},"401":{"$ref":"#/components/responses/Unauthorized"},"403":{"$ref":"#/components/responses/Forbidden"},"408":{"$ref":"#/components/responses/TooSlow"},"409":{"$ref":"#/components/responses/OutOfOrder"},"413":{"$ref":"#/components/responses/TooLarge"},"415":{"$ref":"#/components/responses/Unsupported"},"429":{"$ref":"#/components/responses/TooMany"},"503":{"$ref":"#/components/responses/Unavailable"}}},
        "options":{"summary":"What a browser asks before a page of another origin sends","security":[],"responses":{"204":{"description":"Access-Control-Allow-Origin names the page's origin if it may"}}}},
        "/v1/quarantine":{"post":{"summary":"Keep rows that a sender could not turn into events: NDJSON of reason, source and raw (base64)",
        "security":[{},{"bearer":[]},{"key":[]},{"queryKey":[]}],
        "requestBody":{"required":true,"content":{"application/x-ndjson":{"schema":{"type":"string"}}}},
        "responses":{"202":{"description":"Every row is durable","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Collected"}}}},"400":{"$ref":"#/components/responses/Malformed"},"401":{"$ref":"#/components/responses/Unauthorized"},"403":{"$ref":"#/components/responses/Forbidden"},"409":{"$ref":"#/components/responses/OutOfOrder"},"413":{"$ref":"#/components/responses/TooLarge"},"415":{"$ref":"#/components/responses/Unsupported"},"429":{"$ref":"#/components/responses/TooMany"},"503":{"$ref":"#/components/responses/Unavailable"}}}},
        "/tracker.js":{"get":{"summary":"The script that a shop's pages load","security":[],"responses":{"200":{"description":"At most 2,048 bytes","content":{"text/javascript":{"schema":{"type":"string"}}}}}}},
        "/api/v1/live":{"get":{"summary":"The live view as Server-Sent Events, event name live","responses":{"200":{"description":"A stream of views","content":{"text/event-stream":{}}}}}},
        "/api/v1/live/snapshot":{"get":{"summary":"The live view once","responses":{"200":{"description":"The view"}}}},
        "/api/v1/sales/daily":{"get":{"summary":"Daily sales from gold","parameters":[{"name":"days","in":"query","schema":{"type":"integer","default":90}}],"responses":{"200":{"description":"The last days that have sales"}}}},
        "/api/v1/status":{"get":{"summary":"What runs, since when, on which data","responses":{"200":{"description":"Status"}}}},
        "/api/v1/quarantine":{"get":{"summary":"Rejected events by reason, and the newest","parameters":[{"name":"limit","in":"query","schema":{"type":"integer","default":20}}],"responses":{"200":{"description":"Counts and rows"}}}},
        "/api/v1/batch":{"post":{"summary":"Run the models now","responses":{"200":{"description":"The run's report"}}}},
        "/api/v1/verify":{"post":{"summary":"Check the books now","responses":{"200":{"description":"The trial balance"}}}},
        \(CatalogRoute.openAPIPaths),
        "/api/v1/erasures":{"post":{"summary":"Erase a customer or several, or say what would be erased: lines that say how far it is, then one with the certificate or the error","requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{"user":{"type":"string"},"users":{"type":"array","items":{"type":"string"}},"dry_run":{"type":"boolean"}}}}}},"responses":{"200":{"description":"NDJSON of progress, certificate or error","content":{"application/x-ndjson":{}}},"400":{"$ref":"#/components/responses/Malformed"},"401":{"$ref":"#/components/responses/Unauthorized"},"403":{"$ref":"#/components/responses/Forbidden"},"415":{"$ref":"#/components/responses/Unsupported"}}}},
        "/healthz":{"get":{"summary":"Alive","responses":{"200":{"description":"Alive"}}}},
        "/readyz":{"get":{"summary":"Ready to take events","responses":{"200":{"description":"Ready"},"503":{"description":"Not ready"}}}},
        "/metrics":{"get":{"summary":"Prometheus metrics","responses":{"200":{"description":"Text format 0.0.4"}}}}}}
        """
    }
}
