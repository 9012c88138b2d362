/// The description of the HTTP interface, OpenAPI 3.1.
enum OpenAPI {
    static func document(version: String) -> String {
        """
        {"openapi":"3.1.0","info":{"title":"Cartograph","version":"\(version)","description":"Events in, numbers out."},
        "paths":{
        "/v1/events":{"post":{"summary":"Send events: a JSON object, an array, or NDJSON; up to 16 MiB; gzip and zstd accepted",
        "parameters":[
        {"name":"Cartograph-Producer","in":"header","schema":{"type":"string"},"description":"Names a sender that numbers its batches, so that a batch sent again is stored once"},
        {"name":"Cartograph-Sequence","in":"header","schema":{"type":"integer","minimum":1}}],
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"oneOf":[{"type":"object"},{"type":"array","items":{"type":"object"}}]}},"application/x-ndjson":{"schema":{"type":"string"}}}},
        "responses":{"202":{"description":"Every accepted and every rejected event is durable","content":{"application/json":{"schema":{"type":"object","required":["accepted","rejected","rejected_count","commit"],"properties":{"accepted":{"type":"integer"},"rejected":{"type":"array","maxItems":100,"items":{"type":"object","properties":{"index":{"type":"integer"},"reason":{"type":"string"}}}},"rejected_count":{"type":"integer"},"commit":{"type":"integer"},"repeat":{"type":"boolean"}}}}}},
        "400":{"description":"The body's compression is malformed"},"401":{"description":"No or a wrong token"},"409":{"description":"A numbered batch came before the one that precedes it"},"413":{"description":"More than 16 MiB or more than 100,000 events"},"415":{"description":"Content type or encoding not supported"},"429":{"description":"Under pressure: try again after Retry-After seconds"},"503":{"description":"The log cannot write"}}}},
        "/v1/quarantine":{"post":{"summary":"Keep rows that a sender could not turn into events: NDJSON of reason, source and raw (base64)","responses":{"202":{"description":"Every row is durable"},"400":{"description":"A line is not such a row"}}}},
        "/api/v1/live":{"get":{"summary":"The live view as Server-Sent Events, event name live","responses":{"200":{"description":"A stream of views","content":{"text/event-stream":{}}}}}},
        "/api/v1/live/snapshot":{"get":{"summary":"The live view once","responses":{"200":{"description":"The view"}}}},
        "/api/v1/sales/daily":{"get":{"summary":"Daily sales from gold","parameters":[{"name":"days","in":"query","schema":{"type":"integer","default":90}}],"responses":{"200":{"description":"The last days that have sales"}}}},
        "/api/v1/status":{"get":{"summary":"What runs, since when, on which data","responses":{"200":{"description":"Status"}}}},
        "/api/v1/quarantine":{"get":{"summary":"Rejected events by reason, and the newest","parameters":[{"name":"limit","in":"query","schema":{"type":"integer","default":20}}],"responses":{"200":{"description":"Counts and rows"}}}},
        "/api/v1/batch":{"post":{"summary":"Run the models now","responses":{"200":{"description":"The run's report"}}}},
        "/api/v1/verify":{"post":{"summary":"Check the books now","responses":{"200":{"description":"The trial balance"}}}},
        "/healthz":{"get":{"summary":"Alive","responses":{"200":{"description":"Alive"}}}},
        "/readyz":{"get":{"summary":"Ready to take events","responses":{"200":{"description":"Ready"},"503":{"description":"Not ready"}}}},
        "/metrics":{"get":{"summary":"Prometheus metrics","responses":{"200":{"description":"Text format 0.0.4"}}}}}}
        """
    }
}
