--- What a person does in Neovim and sees there. A test's script hands its steps to run(), which writes what they noted
--- as JSON.

local M = { noted = {}, notified = {}, asked = {}, answers = {} }

local SECONDS = tonumber(os.getenv('ADVISOR_SECONDS')) or 60

--- Keep something for the assertions.
function M.note(name, value)
  M.noted[name] = value == nil and vim.NIL or value
end

--- Wait until something holds; the test fails where it does not. Returns what `ready` returned.
function M.wait(what, ready)
  local found
  local came = vim.wait(SECONDS * 1000, function()
    found = ready()
    return found
  end, 20)
  if not came then
    error('waited in vain for ' .. what, 2)
  end
  return found
end

--- Open a file as `:edit` does.
function M.open(path)
  vim.cmd('edit ' .. vim.fn.fnameescape(path))
  return vim.api.nvim_get_current_buf()
end

function M.text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n') .. '\n'
end

--- Type over a text in the current buffer, in insert mode, and leave that.
function M.type_over(old, new)
  vim.fn.cursor(1, 1)
  assert(vim.fn.search('\\V' .. old, 'cW') > 0, old .. ' does not stand here')
  local keys = ('c%dl%s<Esc>'):format(#old, new)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), 'xt', false)
end

--- Put the cursor on a text.
function M.go_to(text)
  vim.fn.cursor(1, 1)
  assert(vim.fn.search('\\V' .. text, 'cW') > 0, text .. ' does not stand here')
end

--- The advisor's findings in the current buffer.
function M.findings()
  local out = {}
  for _, d in ipairs(vim.diagnostic.get(0)) do
    local said = d.user_data and d.user_data.lsp or {}
    if d.source == 'advisor' then
      table.insert(out, {
        code = d.code or said.code,
        href = said.codeDescription and said.codeDescription.href,
        line = d.lnum + 1,
        column = d.col,
        message = d.message,
      })
    end
  end
  return out
end

--- The first finding of a code, nil without one.
function M.finding(code)
  for _, found in ipairs(M.findings()) do
    if found.code == code then
      return found
    end
  end
end

--- The text of the floating window, which is closed.
function M.floating()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      local lines = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
      vim.api.nvim_win_close(window, true)
      return table.concat(lines, '\n')
    end
  end
end

--- The text of the scratch window of a name, which is closed.
function M.scratch(name)
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    local bufnr = vim.api.nvim_win_get_buf(window)
    if vim.api.nvim_buf_get_name(bufnr) == 'advisor://' .. name then
      local about = {
        text = table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\n'),
        filetype = vim.bo[bufnr].filetype,
        modifiable = vim.bo[bufnr].modifiable,
      }
      vim.api.nvim_win_close(window, true)
      return about
    end
  end
end

--- The titles above the models, as Neovim shows them.
function M.lenses()
  local out = {}
  for _, lens in ipairs(vim.lsp.codelens.get(vim.fn.has('nvim-0.12') == 1 and { bufnr = 0 } or 0)) do
    lens = lens.lens or lens
    table.insert(out, lens.command and lens.command.title or '')
  end
  return out
end

--- The texts that stand in the buffer beside its own, whoever drew them.
function M.drawn()
  local out = {}
  for _, namespace in pairs(vim.api.nvim_get_namespaces()) do
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
      local lines = vim.list_extend({ mark[4].virt_text or {} }, mark[4].virt_lines or {})
      for _, chunks in ipairs(lines) do
        table.insert(out, table.concat(vim.tbl_map(function(chunk) return chunk[1] end, chunks)))
      end
    end
  end
  return out
end

--- The hints of the current buffer: shown by Neovim where it can, else asked of the server.
function M.hints(client)
  local out = {}
  local function add(hint)
    local label = hint.label
    local parts = type(label) == 'table' and label or { { value = label } }
    local text = table.concat(vim.tbl_map(function(part) return part.value end, parts))
    table.insert(out, { line = hint.position.line + 1, label = text })
  end
  if vim.fn.has('nvim-0.10') == 1 then
    for _, found in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do
      add(found.inlay_hint)
    end
  else
    local range = { start = { line = 0, character = 0 }, ['end'] = { line = vim.fn.line('$'), character = 0 } }
    local params = { textDocument = { uri = vim.uri_from_bufnr(0) }, range = range }
    local answer = client.request_sync('textDocument/inlayHint', params, 10000, 0)
    for _, hint in ipairs(answer and answer.result or {}) do
      add(hint)
    end
  end
  return out
end

--- Answer the next question with the first choice whose text contains one.
function M.will_choose(text)
  table.insert(M.answers, text)
end

local function choice_text(item, options)
  if options.format_item then
    return options.format_item(item)
  end
  return tostring(item)
end

vim.ui.select = function(items, options, choose)
  local wanted = table.remove(M.answers, 1)
  local texts = vim.tbl_map(function(item) return choice_text(item, options) end, items)
  table.insert(M.asked, { prompt = options.prompt, choices = texts })
  for index, text in ipairs(texts) do
    if wanted and text:find(wanted, 1, true) then
      return choose(items[index], index)
    end
  end
  choose(nil, nil)
end

vim.notify = function(message, level)
  table.insert(M.notified, { message = message, level = level })
end

--- Run a test's steps, write what they noted, and end Neovim.
function M.run(steps)
  local ok, problem = xpcall(steps, debug.traceback)
  if not ok then
    M.noted.problem = problem
    M.noted.seen, M.noted.text = M.findings(), M.text()
    M.noted.log = require('advisor.say').logged()
  end
  M.noted.notified, M.noted.asked = M.notified, M.asked
  M.noted.messages = vim.fn.execute('messages')
  local handle = assert(io.open(os.getenv('ADVISOR_REPORT'), 'w'))
  handle:write(vim.json.encode(M.noted))
  handle:close()
  vim.cmd(ok and 'qall!' or 'cquit 1')
end

return M
