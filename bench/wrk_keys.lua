-- Like wrk.lua, with keys in turn: the third argument is a file of keys, one a line.
-- Host is that of the URL; the request is put together from three parts each time.
local keys, before, after, at = {}, nil, nil, 0

function init(arguments)
  local headers = {}
  for line in io.lines(arguments[1]) do
    if not line:match("^Authorization:") then headers[#headers + 1] = line end
  end
  local file = io.open(arguments[2], "rb")
  local body = file:read("*a")
  file:close()
  for line in io.lines(arguments[3]) do keys[#keys + 1] = line end
  headers[#headers + 1] = "Host: " .. wrk.host
  headers[#headers + 1] = "Content-Length: " .. #body
  before = "POST " .. wrk.path .. " HTTP/1.1\r\n" .. table.concat(headers, "\r\n") .. "\r\nAuthorization: Bearer "
  after = "\r\n\r\n" .. body
end

function request()
  at = at % #keys + 1
  return before .. keys[at] .. after
end

function done(summary, latency, _)
  local failed = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "us": %d, "refused": %d, "failed": %d, "p50": %d, "p99": %d, "p999": %d, "max": %d}\n',
    summary.requests, summary.duration, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
