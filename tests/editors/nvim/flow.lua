-- A finding is seen, explained, fixed and brought back; lenses, hints, targets and commands show what they should.
local P = dofile(os.getenv('ADVISOR_PERSON'))
local advisor, server, status = require('advisor'), require('advisor.server'), require('advisor.status')

local function hover()
  P.go_to('68')
  vim.lsp.buf.hover()
  P.note('hover', P.wait('the hover', P.floating))
end

--- The titles of the code actions here; the one that was to be chosen runs.
local function code_action()
  local asked = #P.asked
  vim.lsp.buf.code_action()
  P.wait('the code actions', function() return #P.asked > asked or #P.notified > 0 end)
  P.notified = {} -- 'No code actions available'
  return P.asked[asked + 1] and P.asked[asked + 1].choices or {}
end

--- Wait for a fix to be found, in the background. What it saves is told of more targets from one moment to the next.
local function fix()
  local wanted = '68 → 64'
  local function offered()
    for _, title in ipairs(code_action()) do
      if title:find(wanted, 1, true) then
        return title
      end
    end
  end
  P.wait('a fix of the finding', function()
    vim.wait(200)
    return offered()
  end)
  local before = P.text()
  P.will_choose(wanted)
  P.note('chosen', offered())
  P.note('titles', P.asked[#P.asked].choices)
  P.wait('the edit', function() return P.text() ~= before end)
  P.note('fixed', P.text())
  P.wait('the finding to go', function() return not P.finding('CHN101') end)
  P.note('findings_fixed', P.findings())
  vim.cmd('undo')
  P.note('undone', P.text() == before)
  P.wait('the finding to come back', function() return P.finding('CHN101') end)
end

local function lenses()
  P.note('lenses', P.wait('lenses', function()
    local found = P.lenses()
    return (found[1] or ''):find('^[^~].* ms') and #found > 2 and found -- ~: of the text before
  end))
  local first = P.noted.lenses[1]
  assert(vim.startswith(first, 'ethos-u85-1024: 1.'), 'the first lens says ' .. first)
  P.note('drawn', table.concat(P.drawn(), '\n'))
  P.go_to('class Net')
  P.will_choose('ethos-u85-1024: ')
  vim.lsp.codelens.run()
  P.note('layers', P.wait('the layers', function() return P.scratch('layers') end))
end

local function switch()
  P.note('status', advisor.status())
  P.note('plain', advisor.status({ highlight = false }))
  P.note('completed', vim.fn.getcompletion('AdvisorTarget ethos-u55', 'cmdline'))
  local function active(name)
    return function() return (status.of(0) or {}).target == name and status.of(0).state == 'traced' end
  end
  vim.cmd('AdvisorTarget ethos-u55-128')
  P.wait('the target', active('ethos-u55-128'))
  P.note('switched', advisor.status({ highlight = false }))
  P.wait('its lens', function() return vim.startswith(P.lenses()[1] or '', 'ethos-u55-128: ') end)
  P.will_choose('ethos-u85-1024: ')
  vim.cmd('AdvisorTarget')
  P.wait('the target that was asked for', active('ethos-u85-1024'))
end

local function commands()
  P.wait('the finding', function() return P.finding('CHN101') end)
  P.go_to('68')
  vim.cmd('AdvisorExplain')
  P.note('explained', P.wait('the page', function() return P.scratch('rule') end))
  vim.cmd('AdvisorExplain chn999')
  P.note('refused', P.wait('a refusal', function() return table.remove(P.notified) end).message)
  vim.cmd('AdvisorModel Net')
  P.note('model', P.wait('the table', function() return P.scratch('layers') end).text)
  local before = P.text()
  vim.cmd('AdvisorTell')
  P.wait('the comment', function() return P.text() ~= before end)
  P.note('told', P.text())
  vim.cmd('undo')
  vim.cmd('AdvisorLog')
  P.note('log', P.wait('the log', function() return P.scratch('log') end).text)
end

P.run(function()
  P.open(os.getenv('ADVISOR_FILE'))
  local client = P.wait('the server', function() return server.client(0) end)
  P.wait('the finding', function() return P.finding('CHN101') end)
  P.note('findings', P.findings())
  P.note('hints', P.wait('hints', function()
    local found = P.hints(client)
    return #found > 0 and found
  end))
  hover()
  fix()
  lenses()
  switch()
  commands()
  client = server.client(0)
  require('advisor.editor').call(client, 'stop')
  P.wait('the server to end', function() return not vim.lsp.get_client_by_id(client.id) end)
end)
