--- What the person is told: sentences, and a log of what happened.

local M = {}

local KEPT = 2000 -- lines of the log
local log = {}
local said = {}

local function tell(text, level)
  vim.notify('advisor: ' .. text, level, { title = 'advisor' })
end

--- Add a line to the log that :AdvisorLog shows.
function M.log(text)
  for line in text:gmatch('[^\r\n]+') do
    table.insert(log, os.date('%H:%M:%S ') .. line)
  end
  while #log > KEPT do
    table.remove(log, 1)
  end
end

--- The lines of the log.
function M.logged()
  return log
end

--- Something that was asked for could not be done: one sentence.
function M.problem(text)
  M.log(text)
  tell(text, vim.log.levels.WARN)
end

--- Something to know: one sentence.
function M.news(text)
  M.log(text)
  tell(text, vim.log.levels.INFO)
end

--- A problem or news that is told once in a session.
function M.once(text, how)
  if not said[text] then
    said[text] = true
    how(text)
  end
end

--- Forget what was told once: the person asked for another try.
function M.again()
  said = {}
end

return M
