"""What the client library costs, measured against the bare socket."""
