-- A project that nobody decided about is not run; the person is asked, and the answer is kept.
local P = dofile(os.getenv('ADVISOR_PERSON'))
local server, status = require('advisor.server'), require('advisor.status')

local function state_is(state)
  return function()
    local known = status.of(0)
    return known and known.state == state and known
  end
end

P.run(function()
  P.open(os.getenv('ADVISOR_FILE'))
  P.wait('the server', function() return server.client(0) end)
  local wanted = os.getenv('ADVISOR_DECIDE')
  if wanted == '' then
    P.wait('a trace', state_is('traced'))
    P.note('trusted', status.of(0).trusted)
    return
  end
  P.note('before', P.wait('what the source says', state_is('static')).trusted)
  P.note('status', require('advisor').status({ highlight = false }))
  P.wait('the lens', function() return (P.lenses()[1] or ''):find('not trusted', 1, true) end)
  P.note('started_before', vim.fn.glob(vim.fn.expand('%:p:h') .. '/*.started'))

  P.go_to('class Net')
  P.will_choose('not trusted') -- of the lenses, if there are several
  vim.lsp.codelens.run()
  P.wait('the question', function() return #P.asked > 0 end)
  P.note('unanswered', vim.fn.filereadable(require('advisor.trust').file()))
  P.answers = { wanted }
  vim.cmd('AdvisorTrust')
  P.note('file', vim.fn.readfile(require('advisor.trust').file()))
  P.note('mode', vim.fn.getfperm(require('advisor.trust').file()))
  if wanted:find('^Trust') then
    P.wait('the finding', function() return P.finding('CHN101') and state_is('traced')() end)
  end
  P.note('after', status.of(0).trusted)
end)
