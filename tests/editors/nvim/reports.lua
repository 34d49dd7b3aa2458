-- All fixes at once, the report on the project, and what a bug report needs.
local P = dofile(os.getenv('ADVISOR_PERSON'))
local server = require('advisor.server')

local function told()
  return P.wait('what is told', function() return table.remove(P.notified) end).message
end

P.run(function()
  P.open(os.getenv('ADVISOR_FILE'))
  P.wait('the server', function() return server.client(0) end)
  P.wait('the finding', function() return P.finding('CHN101') end)
  local before = P.text()
  vim.cmd('AdvisorFixAll')
  P.note('safe', told())
  local safe = P.text()
  P.note('safe_text', safe)
  vim.cmd('let &undolevels = &undolevels') -- a key that is typed ends a step to undo; nobody types here
  vim.cmd('AdvisorFixAll!')
  P.note('all', told())
  P.note('all_text', P.text())
  vim.cmd('undo')
  P.note('undone_once', P.text() == safe)
  vim.cmd('undo')
  P.note('undone', P.text() == before)

  vim.cmd('AdvisorAudit')
  P.note('auditing', told())
  P.note('audit', P.wait('the report', function() return P.scratch('audit') end).text)
  vim.cmd('AdvisorDoctor')
  P.note('doctor', P.wait('the page', function() return P.scratch('doctor') end).text)
  vim.cmd('enew')
  vim.cmd('AdvisorModel')
  P.note('nowhere', told())
  vim.cmd('AdvisorDoctor') -- there is no server for this buffer
  P.note('alone', P.wait('what the program prints', function() return P.scratch('doctor') end).text)
end)
