-- Sends one fixed request, read from the files named by the arguments, and prints what happened as JSON.
-- The request is built once: no Lua runs while it is sent and answered.
local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

function init(arguments)
  wrk.method = "POST"
  for _, line in ipairs(lines_of(arguments[1])) do
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  local body = io.open(arguments[2], "rb")
  wrk.body = body:read("*a")
  body:close()
end

function done(summary, latency, _)
  local failed = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "us": %d, "refused": %d, "failed": %d, "p50": %d, "p99": %d, "p999": %d, "max": %d}\n',
    summary.requests, summary.duration, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
