-- A server that dies at once is started again a few times, later each time; then one sentence says so.
local P = dofile(os.getenv('ADVISOR_PERSON'))
local server = require('advisor.server')

P.run(function()
  server.delays = { 0, 50, 100 }
  local bufnr = P.open(os.getenv('ADVISOR_FILE'))
  local function sentence()
    for _, told in ipairs(P.notified) do
      if told.message:find('in a row', 1, true) then
        return told.message
      end
    end
  end
  P.note('sentence', P.wait('the sentence', sentence))
  vim.cmd('doautocmd InsertLeave')
  P.note('attached', server.attach(bufnr))
  vim.cmd('AdvisorRestart')
  P.note('wanted', server.wanted(bufnr))
end)
