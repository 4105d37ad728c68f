"""The server's end of the gateway's HTTP interface: requests as a server reads them, answers as it writes them.

Used by the sandbox and by the front door. One file per subject (send, statuses, jobs, lists, info, balance), each with
its request as a value and its answers in all four `fmt`. `body.py` takes a request's bytes as they come, `form.py`
makes fields of them, `shapes.py` has what all answers share. Whatever the bytes, readers never raise anything but
`FormError`.

    reader = Body(query, content_type, CAPS)      bytes are fed as they come; nothing is held above the caps
    form = reader.close()                         fields as bytes, and as words in the charset that the request names
    SendRequest.read(form)                        or StatusRequest, JobRequest, …; FormError has the gateway's code
    write_accepted(…, fmt, charset)               a body; `content_type` for the header
"""
